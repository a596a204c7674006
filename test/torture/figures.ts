/** Counters by name, which can be sent between processes and added up. */
export type Figures = Record<string, number>;

export function count(figures: Figures, name: string, by = 1): void {
  figures[name] = (figures[name] ?? 0) + by;
}

export function addUp(all: readonly Figures[]): Figures {
  const sum: Figures = {};
  for (const figures of all) {
    for (const [name, value] of Object.entries(figures)) {
      count(sum, name, value);
    }
  }
  return sum;
}
