/** What a bundle's index says, as people look at it. The server gives the index as it is: bundles/format/src/release.rs. */

type Blob = { digest: string; size: number };
type File = { name: string; arch: string; blob: Blob; content_size: number };
type Image = { reference: string; arch: string; index?: Blob; manifest: Blob; config: Blob; layers: Blob[]; unpacked_size: number };
export type Component = { name: string; version: string; license: string; source: string; files: File[]; images: Image[] };
export type Release = { name: string; version: string; architectures: string[]; components: Component[] };

/** A file or an image for one architecture. */
export type Part = {
  key: string;
  component: string;
  kind: "file" | "image";
  name: string;
  arch: string;
  /** Bytes in the bundle; what several images share counts with the first. */
  size: number;
  /** Bytes on a disk. */
  unpacked: number;
  digest: string;
};

/** Every file and image, each blob counted once: the sizes add up to the bundle's. */
export function parts(release: Release): Part[] {
  const seen = new Set<string>();
  const weigh = (blobs: Blob[]) =>
    blobs.reduce((sum, { digest, size }) => {
      if (seen.has(digest)) return sum;
      seen.add(digest);
      return sum + size;
    }, 0);
  return release.components.flatMap((component) => [
    ...component.files.map(({ name, arch, blob, content_size }): Part => ({
      key: `${component.name}/${arch}/${name}`, component: component.name, kind: "file", name, arch, size: weigh([blob]), unpacked: content_size, digest: blob.digest,
    })),
    ...component.images.map((image): Part => ({
      key: `${component.name}/${image.arch}/${image.reference}`,
      component: component.name,
      kind: "image",
      name: image.reference,
      arch: image.arch,
      size: weigh([...(image.index ? [image.index] : []), image.manifest, image.config, ...image.layers]),
      unpacked: image.unpacked_size,
      digest: (image.index ?? image.manifest).digest,
    })),
  ]);
}

/** Of a component: what it has for each architecture. A gap is what a cluster of that architecture would miss. */
export function coverage(component: Component, arch: string): { files: number; images: number } {
  const of = (items: { arch: string }[]) => items.filter((item) => item.arch === arch).length;
  return { files: of(component.files), images: of(component.images) };
}
