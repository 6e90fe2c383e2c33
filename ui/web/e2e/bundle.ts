import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { program } from "./server";

/** A sealed bundle with one image of so many bytes that cannot be pressed together, made by the program itself. */
export class TestBundle {
  private constructor(private readonly folder: string, readonly fingerprint: string) {}

  get path(): string {
    return join(this.folder, "shop.bundle");
  }

  /** The public key that must be trusted. */
  get pem(): string {
    return readFileSync(join(this.folder, "shop.key.pub"), "utf8");
  }

  /** The same file with one bit turned: what a carrier spoiled. */
  broken(): string {
    const path = join(this.folder, "cut.bundle");
    const whole = readFileSync(this.path);
    whole[whole.length - 4096] = (whole[whole.length - 4096] ?? 0) ^ 1;
    writeFileSync(path, whole);
    return path;
  }

  /** A file of another kind under the name of a bundle. */
  movie(): string {
    const path = join(this.folder, "holiday.bundle");
    writeFileSync(path, Buffer.concat([Buffer.from("\0\0\0\x20ftypisom"), randomBytes(4096)]));
    return path;
  }

  static make(bytes: number): TestBundle {
    const folder = mkdtempSync(join(tmpdir(), "armilla-bundle-"));
    writeImage(folder, bytes);
    const run = (...args: string[]) => execFileSync(program, args, { cwd: folder, encoding: "utf8", env: { ...process.env, HOME: folder } });
    const fingerprint = /sha256:[0-9a-f]{64}/.exec(run("bundle", "keygen", "shop.key"))?.[0] ?? "";
    run("bundle", "build", "shop.bundle", "--key", "shop.key", "--name", "shop", "--archive", "shop.tar");
    return new TestBundle(folder, fingerprint);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** `shop.tar`: an OCI image layout with one layer that holds one file of noise. */
function writeImage(folder: string, bytes: number): void {
  const layout = join(folder, "layout");
  mkdirSync(join(layout, "blobs", "sha256"), { recursive: true });
  const blob = (content: Buffer | string, mediaType: string) => {
    const digest = createHash("sha256").update(content).digest("hex");
    writeFileSync(join(layout, "blobs", "sha256", digest), content);
    return { mediaType, digest: `sha256:${digest}`, size: Buffer.byteLength(content) };
  };
  writeFileSync(join(folder, "noise"), randomBytes(bytes));
  execFileSync("tar", ["-cf", "layer.tar", "noise"], { cwd: folder });
  const layer = blob(readFileSync(join(folder, "layer.tar")), "application/vnd.oci.image.layer.v1.tar");
  const config = blob(JSON.stringify({ architecture: "amd64", os: "linux", config: {}, rootfs: { type: "layers", diff_ids: [layer.digest] } }), "application/vnd.oci.image.config.v1+json");
  const manifest = blob(JSON.stringify({ schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json", config, layers: [layer] }), "application/vnd.oci.image.manifest.v1+json");
  const named = { ...manifest, annotations: { "io.containerd.image.name": "docker.io/library/shop:1", "org.opencontainers.image.ref.name": "docker.io/library/shop:1" } };
  writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [named] }));
  writeFileSync(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  execFileSync("tar", ["-cf", join(folder, "shop.tar"), "-C", layout, "oci-layout", "index.json", "blobs"]);
}
