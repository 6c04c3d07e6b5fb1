// Builds the page: src/index.ts and its styles become one ES module, ../static/index.js, and the charts another,
// ../static/charts.js, which the first loads when it needs it.
// With --tests, the unit tests are bundled for node's test runner instead.
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const MOST_GZIPPED_BYTES = 350_000;

async function module(entry, name, banner) {
  const result = await build({
    absWorkingDir: here,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    charset: "ascii", // the same bytes whatever the encoding of the page around it
    loader: { ".css": "text" },
    legalComments: "none",
    banner: { js: `/* ${banner} */` },
    write: false,
  });
  const code = result.outputFiles[0].text;
  // The modules are also set inline into an HTML file, where these two would end or disturb their script element.
  if (/<\/script|<!--/i.test(code)) throw new Error(`${name} holds </script or <!--`);
  writeFileSync(join(here, "../static", name), code);
  const bytes = gzipSync(code, { level: 9 }).length;
  console.log(`static/${name}: ${code.length} bytes, ${bytes} gzipped`);
  return bytes;
}

async function page() {
  const bytes =
    (await module("src/index.ts", "index.js", "profiler_kit, BSD-3-Clause")) +
    (await module("src/charts/echarts.ts", "charts.js", "profiler_kit, BSD-3-Clause; contains Apache ECharts and zrender, Apache-2.0 and BSD-3-Clause"));
  if (bytes > MOST_GZIPPED_BYTES) throw new Error(`the page is ${bytes} bytes gzipped`);
}

async function tests() {
  rmSync(join(here, "build"), { recursive: true, force: true });
  await build({
    absWorkingDir: here,
    entryPoints: readdirSync(join(here, "test")).map((name) => `test/${name}`),
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    outdir: "build/test",
    outExtension: { ".js": ".mjs" },
    loader: { ".css": "text" },
  });
}

await (process.argv.includes("--tests") ? tests() : page());
