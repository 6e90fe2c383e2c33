import { expect, test } from "vitest";
import { Trouble } from "../../api/problem";
import { coverage, parts, type Release } from "./contents";
import { publicKey, readHead } from "./head";
import { pace, sampled, type Sample } from "./pace";
import { squarify } from "./treemap";
import { after } from "./verdict";

/** A tar entry: its header as far as it is read, and its content. */
function tarEntry(name: string, content: string): Uint8Array {
  const bytes = new TextEncoder().encode(content);
  const block = new Uint8Array(512 + Math.ceil(bytes.length / 512) * 512);
  block.set(new TextEncoder().encode(name));
  block.set(new TextEncoder().encode(bytes.length.toString(8).padStart(11, "0")), 124);
  block.set(bytes, 512);
  return block;
}

const key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
const seal = JSON.stringify({ format: 1, index: "sha256:1234", public_key: key });
const release = JSON.stringify({ name: "armilla", version: "0.1.0+k8s1.37.1", architectures: ["amd64"], components: [] });
const bundle = (...entries: Uint8Array[]) => new Blob(entries as BlobPart[]);

test("a bundle says what it is before it is sent", async () => {
  const head = await readHead(bundle(tarEntry("armilla/seal.json", seal), tarEntry("armilla/release.json", release)));
  expect(head).toMatchObject({ id: "sha256:1234", release: "armilla", version: "0.1.0+k8s1.37.1", architectures: ["amd64"] });
});

test("what is no bundle is known by its first bytes, however it is called", async () => {
  expect(await readHead(bundle())).toBe("foreign");
  expect(await readHead(new Blob(["\0\0\0\x20ftypisom a movie"]))).toBe("foreign");
  expect(await readHead(bundle(tarEntry("armilla/seal.json", "{}"), tarEntry("photos/1.jpg", "")))).toBe("foreign");
  expect(await readHead(bundle(tarEntry("armilla/seal.json", "no json"), tarEntry("armilla/release.json", release)))).toBe("foreign");
  expect(await readHead(new Blob(["armilla bundle part\nformat 1\n"]))).toBe("part");
});

test("a key has the form and the fingerprint that openssl gives it", async () => {
  // openssl pkey -pubin -outform DER | sha256sum, over the key of RFC 8032's first test vector.
  const { pem, fingerprint } = await publicKey(key);
  expect(pem).toContain("MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
  expect(fingerprint).toBe("sha256:06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9");
});

test("the pace is that of the last ten seconds", () => {
  const feed = (seconds: number, bytesEach: number) =>
    Array.from({ length: seconds }, (_, second) => ({ at: second * 1000, bytes: second * bytesEach }));
  expect(pace(feed(1, 100), 1000)).toBeUndefined();
  const samples = feed(5, 100).reduce<Sample[]>(sampled, []);
  expect(pace(samples, 1400)).toEqual({ rate: 100, left: 10_000 });
  // Fast for a minute, then slow: the slow one counts.
  const slower = Array.from({ length: 20 }, (_, second) => ({ at: 60_000 + second * 1000, bytes: 60_000 + second }));
  expect(pace([...feed(60, 1000), ...slower].reduce<Sample[]>(sampled, []), 61_000)?.rate).toBe(1);
});

test("time mends what time mends, and nothing else is tried again for ever", () => {
  const trouble = (kind: string, status: number) => new Trouble({ type: `urn:armilla:problem:${kind}`, title: "", status, detail: "" });
  expect(after(trouble("unreachable", 0), "sending", 0)).toBe("again");
  expect(after(trouble("busy", 503), "finishing", 0)).toBe("again");
  expect(after(trouble("login-needed", 401), "sending", 0)).toBe("again");
  expect(after(trouble("conflict", 409), "sending", 1)).toBe("again");
  expect(after(trouble("conflict", 409), "sending", 4)).toBe("elsewhere");
  expect(after(trouble("conflict", 409), "finishing", 1), "a key that nobody vouched for").toBe("failed");
  expect(after(trouble("storage-full", 507), "sending", 0)).toBe("again");
  expect(after(trouble("not-found", 404), "sending", 0)).toBe("failed");
  expect(after(undefined, "sending", 0), "the file was taken away").toBe("failed");
});

test("a treemap fills its frame, each box as large as its share", () => {
  const frame = { x: 0, y: 0, width: 600, height: 400 };
  const sizes = [6, 6, 4, 3, 2, 2, 1];
  const boxes = squarify(sizes, frame);
  const total = sizes.reduce((one, other) => one + other, 0);
  boxes.forEach(({ x, y, width, height }, at) => {
    expect(width * height).toBeCloseTo((240_000 * (sizes[at] ?? 0)) / total, 5);
    expect(x).toBeGreaterThanOrEqual(0);
    expect(x + width).toBeLessThanOrEqual(600 + 1e-9);
    expect(y + height).toBeLessThanOrEqual(400 + 1e-9);
  });
  expect(squarify([], frame)).toEqual([]);
});

test("a layer that two images share is weighed once, and a gap in an architecture is seen", () => {
  const blob = (digest: string, size: number) => ({ digest, size });
  const image = (reference: string) => ({ reference, arch: "amd64", manifest: blob(`${reference}-m`, 1), config: blob(`${reference}-c`, 1), layers: [blob("shared", 100)], unpacked_size: 300 });
  const release: Release = {
    name: "shop", version: "1", architectures: ["amd64", "arm64"],
    components: [{ name: "shop", version: "1", license: "MIT", source: "", files: [], images: [image("a"), image("b")] }],
  };
  expect(parts(release).map(({ size }) => size)).toEqual([102, 2]);
  expect(release.components.map((component) => coverage(component, "arm64"))).toEqual([{ files: 0, images: 0 }]);
});
