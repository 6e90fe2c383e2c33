/**
 * What a file says of itself before a byte of it is sent: the first two entries of a bundle are its seal and its index
 * (bundles/FORMAT.md). Nothing here is verified: the server reads every byte under a key that is trusted.
 */

const BLOCK = 512;
/** The entries before the blobs take at most this much. */
const MOST = 16 << 20;
/** A SubjectPublicKeyInfo of ed25519 before its 32 bytes (RFC 8410, section 10.3). */
const SPKI = "302a300506032b6570032100";

export type Head = {
  /** The bundle's digest, by which the server will know it. */
  id: string;
  /** Fingerprint of the key that sealed it. */
  signer: string;
  /** That key. */
  pem: string;
  release: string;
  version: string;
  architectures: string[];
};

/** `part`: one piece of a bundle that was split. `foreign`: something else altogether. */
export type NoHead = "part" | "foreign";

/** A tar entry's name and size, from its header of 512 bytes. */
export function entry(header: Uint8Array): { name: string; size: number } {
  const text = (from: number, to: number) => new TextDecoder("latin1").decode(header.subarray(from, to)).split("\0")[0] ?? "";
  return { name: text(0, 100), size: Number.parseInt(text(124, 136).trim() || "0", 8) };
}

const unhex = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const hex = (bytes: ArrayBuffer) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** The key as `armilla bundle keygen` writes it, and its fingerprint: the sha256 of its DER. From 64 hex digits. */
export async function publicKey(digits: string): Promise<{ pem: string; fingerprint: string }> {
  const der = unhex(SPKI + digits);
  const base64 = btoa(String.fromCharCode(...der));
  return {
    pem: `-----BEGIN PUBLIC KEY-----\n${base64}\n-----END PUBLIC KEY-----\n`,
    fingerprint: `sha256:${hex(await crypto.subtle.digest("SHA-256", der))}`,
  };
}

export async function readHead(file: Blob): Promise<Head | NoHead> {
  const at = async (from: number, length: number) => new Uint8Array(await file.slice(from, from + length).arrayBuffer());
  const json = async (from: number, length: number) => JSON.parse(new TextDecoder().decode(await at(from, length))) as Record<string, unknown>;
  const first = await at(0, BLOCK);
  if (new TextDecoder("latin1").decode(first).startsWith("armilla bundle part")) return "part";
  const seal = entry(first);
  if (seal.name !== "armilla/seal.json" || !(seal.size <= MOST)) return "foreign";
  const indexAt = BLOCK + Math.ceil(seal.size / BLOCK) * BLOCK;
  const index = entry(await at(indexAt, BLOCK));
  if (index.name !== "armilla/release.json" || !(index.size <= MOST)) return "foreign";
  try {
    const said = await json(BLOCK, seal.size);
    const release = await json(indexAt + BLOCK, index.size);
    const { pem, fingerprint } = await publicKey(String(said.public_key));
    return {
      id: String(said.index),
      signer: fingerprint,
      pem,
      release: String(release.name),
      version: String(release.version),
      architectures: Array.isArray(release.architectures) ? release.architectures.map(String) : [],
    };
  } catch {
    return "foreign";
  }
}
