import { readdir, readFile } from 'node:fs/promises';

const TICKS_A_SECOND = 100;

/** The fields of /proc/<pid>/stat after the name, which may hold spaces. */
async function stat(pid) {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** Milliseconds of CPU that a server and its backends, living and gone, have used; undefined where /proc can't tell. */
export async function serverCpu(pid) {
  const own = pid && (await stat(pid));
  if (!own) {
    return undefined;
  }
  const spent = (fields, ...places) => places.reduce((sum, place) => sum + Number(fields[place]), 0);
  let ticks = spent(own, 11, 12, 13, 14);
  for (const name of await readdir('/proc')) {
    const fields = /^\d+$/.test(name) && (await stat(name));
    if (fields && Number(fields[1]) === pid) {
      ticks += spent(fields, 11, 12);
    }
  }
  return (ticks * 1000) / TICKS_A_SECOND;
}
