// What a browser must fetch before the first page is there, compressed, against the limits of the design.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const KB = 1000;
const LIMITS = { js: 200 * KB, css: 90 * KB, all: 1500 * KB };

const size = (file) => gzipSync(readFileSync(`dist/${file}`), { level: 9 }).length;
const page = readFileSync("dist/index.html", "utf8");
const asked = [...page.matchAll(/(?:src|href)="\/([^"]+\.(?:js|css))"/g)].map((match) => match[1]);
const all = readdirSync("dist", { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
  .map((entry) => `${entry.parentPath}/${entry.name}`.slice("dist/".length));
// One language comes with every start: the larger one counts.
const languages = all.filter((file) => /assets\/(en|zh)-\w+\.js$/.test(file)).map(size);

const sum = (files) => files.map(size).reduce((one, other) => one + other, 0);
const sizes = {
  js: sum(asked.filter((file) => file.endsWith(".js"))) + Math.max(...languages),
  css: sum(asked.filter((file) => file.endsWith(".css"))),
  all: sum(all),
};
for (const [what, bytes] of Object.entries(sizes)) {
  console.log(`ui: ${what} ${Math.round(bytes / KB)} KB of ${LIMITS[what] / KB} KB`);
  if (!(bytes <= LIMITS[what])) process.exitCode = 1;
}
