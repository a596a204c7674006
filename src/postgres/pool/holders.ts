/** A unit of work that holds a connection. */
export interface Holder {
  /** What the unit is called. */
  readonly name: string;
  /** For how many milliseconds it has been open. */
  readonly age: number;
}

const holders = new WeakMap<object, () => readonly Holder[]>();

/** Lets the pool of an engine know who holds its connections. `engine`: MikroORM's configuration. */
export function tellHolders(engine: object, ask: () => readonly Holder[]): void {
  holders.set(engine, ask);
}

/** The units that hold connections of the engine's pool, those first that have been open for longest. */
export const holdersOf = (engine: object): readonly Holder[] =>
  [...(holders.get(engine)?.() ?? [])].sort((one, other) => other.age - one.age);

/** How many of them an error names. */
const NAMED = 5;

/** The same in words, to go on behind a sentence: empty where there are none. */
export function describeHolders(all: readonly Holder[]): string {
  if (all.length === 0) {
    return '';
  }
  const named = all.slice(0, NAMED).map(({ name, age }) => `${name} for ${(age / 1000).toFixed(1)} s`);
  const others = all.length - named.length;
  return `. Units of work hold them: ${named.join(', ')}${others > 0 ? ` and ${others} more` : ''}`;
}
