// Holds SARIF logs against the standard's schema, as Microsoft ships it with its SARIF SDK.
//
// Usage: node sarif.mjs FILE...   writes one JSON list of errors a file; empty where the log is valid.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import Ajv from 'ajv';

const require = createRequire(import.meta.url);
const schema = require('@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json');
// The schema is one of draft 4, where `id` is its name.
const ajv = new Ajv({ schemaId: 'id', meta: false, format: 'full', allErrors: true });
ajv.addMetaSchema(require('ajv/lib/refs/json-schema-draft-04.json'));
const valid = ajv.compile(schema);

for (const file of process.argv.slice(2)) {
    const log = JSON.parse(readFileSync(file, 'utf8'));
    const errors = valid(log) ? [] : valid.errors.map((error) => `${error.dataPath}: ${error.message}`);
    console.log(JSON.stringify(errors));
}
