/** How long steps take with nothing known of a site, in milliseconds. Pure. */

/** By the kind of action: three hosts on one link of 1 Gbit/s. */
const PLAIN: Record<string, number> = {
  files: 1500, images: 20_000, service: 1500, init: 2500, joinWorker: 9000, await: 12_000, apply: 700, remember: 150, modules: 200, sysctls: 200,
  drain: 15_000, deleteNode: 500, stopPods: 6000, removePaths: 2500,
};
const ANY = 800;

export const plain = (kind: string | undefined): number => PLAIN[kind ?? ""] ?? ANY;
