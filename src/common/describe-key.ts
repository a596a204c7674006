import { quoted } from './quoted.js';

/** A key as a message shows it: as JSON, cut where it is long. */
export const describeKey = (key: unknown): string =>
  typeof key === 'symbol' || typeof key === 'function' || key === undefined ? String(key) : quoted(key);
