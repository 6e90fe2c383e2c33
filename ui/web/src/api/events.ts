/** One message of an event stream. */
export type Message = { id: string | undefined; event: string; data: string };

/**
 * Takes an event stream apart (html.spec.whatwg.org, "Server-sent events"), as far as our server writes it: `id`, `event` and
 * one `data` line, ended by an empty line. Give it pieces as they come.
 */
export class Parser {
  private rest = "";

  take(piece: string): Message[] {
    const blocks = (this.rest + piece).split("\n\n");
    this.rest = blocks.pop() ?? "";
    return blocks.map(message);
  }
}

function message(block: string): Message {
  const fields = new Map(
    block.split("\n").map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trimStart()] as const;
    }),
  );
  return { id: fields.get("id"), event: fields.get("event") ?? "message", data: fields.get("data") ?? "" };
}
