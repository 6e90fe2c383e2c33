import { useId } from "react";

type Props = { text: string; onFile: (file: File) => void; accept?: string };

/** Chooses one file. Looks like a button in the language of the page: the browser's own speaks that of the browser. */
export function FileChoice({ text, onFile, accept }: Props) {
  const id = useId();
  return (
    <span className="file-choice">
      <input id={id} type="file" className="unseen" accept={accept} onChange={(event) => {
        const file = event.target.files?.[0];
        // The same file may be chosen again.
        event.target.value = "";
        if (file) onFile(file);
      }} />
      <label htmlFor={id} className="quiet">{text}</label>
    </span>
  );
}
