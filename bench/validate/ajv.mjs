// Validates YAML documents by ajv and js-yaml: node ajv.mjs SCHEMAS FOLDER. One compiled validator per kind,
// which is the best that ajv can be given; exits with 1 if a document is invalid.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const require = createRequire(path.join(process.cwd(), "package.json"));
const Ajv = require("ajv/dist/2020.js").default;
const yaml = require("js-yaml");

const [schemas, folder] = process.argv.slice(2);
const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false, unicodeRegExp: true });
const validators = new Map();
for (const name of fs.readdirSync(schemas)) {
  const schema = JSON.parse(fs.readFileSync(path.join(schemas, name), "utf8"));
  const kind = schema.properties?.kind?.const;
  if (kind) validators.set(kind, ajv.compile(schema));
}

let documents = 0;
let invalid = 0;
for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !entry.name.endsWith(".yaml")) continue;
  const text = fs.readFileSync(path.join(entry.parentPath ?? entry.path, entry.name), "utf8");
  yaml.loadAll(text, (document) => {
    documents += 1;
    const validate = validators.get(document.kind);
    if (!validate || !validate(document)) invalid += 1;
  }, { schema: yaml.CORE_SCHEMA });
}
console.log(`${documents} documents, ${invalid} invalid`);
process.exit(invalid ? 1 : 0);
