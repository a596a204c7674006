/** A time in which a lost COMMIT may not have been settled, in milliseconds since 1970. */
export interface Outage {
  readonly why: string;
  readonly from: number;
  readonly to: number;
  /** Whether the server was another one afterwards: what it says of transactions from before may be about others. */
  readonly restarted: boolean;
}

/** When the server could not be asked, or could not know yet: the only excuses for an unknown outcome. */
export class Outages {
  readonly #ended: Outage[] = [];
  readonly #open = new Map<object, Omit<Outage, 'to'>>();

  async during<T>(why: string, work: () => Promise<T>, { restarted = false } = {}): Promise<T> {
    const key = {};
    const begun = { why, from: Date.now(), restarted };
    this.#open.set(key, begun);
    try {
      return await work();
    } finally {
      this.#open.delete(key);
      this.#ended.push({ ...begun, to: Date.now() });
    }
  }

  list(): Outage[] {
    const to = Date.now();
    return [...this.#ended, ...[...this.#open.values()].map((begun) => ({ ...begun, to }))];
  }
}
