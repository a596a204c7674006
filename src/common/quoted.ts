import { describeValue } from './describe-value.js';

/** How many characters of a value a message shows. */
const longest = 60;

/** A value from outside as a message shows it: as JSON, cut where it is long, at a cost that does not depend on its size. */
export function quoted(value: unknown): string {
  try {
    return write(value, longest);
  } catch {
    // proxies and getters may throw at anything
    return 'an object that can not be looked at';
  }
}

/** A name or a path from outside, as a message shows it. */
export const quotedName = (name: string): string => writeText(name, longest);

function write(value: unknown, room: number): string {
  switch (typeof value) {
    case 'string':
      return writeText(value, room);
    case 'bigint':
      // the digits of a huge one take time that grows with their square
      return -(10n ** 40n) < value && value < 10n ** 40n ? `${value}n` : 'a huge bigint';
    case 'symbol':
    case 'function':
      return `a ${typeof value}`;
    case 'object':
      return value === null ? 'null' : writeObject(value, room);
    default:
      return String(value);
  }
}

const writeText = (text: string, room: number): string =>
  text.length > room ? `${JSON.stringify(text.slice(0, Math.max(room, 1)))}…` : JSON.stringify(text);

function writeObject(value: object, room: number): string {
  if (Array.isArray(value)) {
    return `[${writeParts(value.length, room, (index, left) => write(value[index], left))}]`;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    return value instanceof Date ? `the date ${String(value.getTime())}` : describeValue(value);
  }
  const names: string[] = [];
  for (const name in value) {
    names.push(name);
    if (names.length > longest) {
      break;
    }
  }
  return `{${writeParts(names.length, room, (index, left) => {
    const name = names[index] as string;
    return `${writeText(name, left)}:${write((value as Record<string, unknown>)[name], left - name.length - 3)}`;
  })}}`;
}

/** Writes one part after the other while there is room. */
function writeParts(count: number, room: number, writePart: (index: number, left: number) => string): string {
  let text = '';
  for (let index = 0; index < count; index += 1) {
    const left = room - text.length - 2;
    if (left < 2) {
      return `${text}${index === 0 ? '' : ','}…`;
    }
    text += `${index === 0 ? '' : ','}${writePart(index, left)}`;
  }
  return text;
}
