// Every relative link of README, of the pages in docs and of the other Markdown files leads to a file that is there, and to a
// heading in it where it names one.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
  cwd: root,
  encoding: 'utf8',
});

/** The heading as GitHub and VitePress name it in an address. */
const anchorOf = (heading) =>
  heading
    .toLowerCase()
    .replace(/[`*]/g, '')
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');

const anchorsOf = (file) =>
  new Set([...readFileSync(file, 'utf8').matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) => anchorOf(heading)));

const broken = [];
let count = 0;
for (const page of tracked.trim().split('\n')) {
  const text = readFileSync(join(root, page), 'utf8').replace(/^```.*?^```/gms, '');
  for (const [, link] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^(https?|mailto):/.test(link)) {
      continue;
    }
    count += 1;
    const [path, anchor] = link.split('#');
    const file = path === '' ? join(root, page) : normalize(join(root, dirname(page), path));
    const there = existsSync(file);
    if (!there || (anchor && statSync(file).isFile() && !anchorsOf(file).has(anchor))) {
      broken.push(`${page}: ${link}`);
    }
  }
}
if (broken.length > 0) {
  console.error(`links: these lead nowhere:\n  ${broken.join('\n  ')}`);
  process.exitCode = 1;
} else {
  console.log(`links: ${count} looked up`);
}
