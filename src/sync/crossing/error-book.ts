/** How many errors a side remembers, so that the same error is the same object when it comes back. */
const remembered = 256;

/** The errors that one side has sent or received, by the name that both sides know them by. */
export class ErrorBook {
  readonly #prefix: string;
  readonly #ids = new WeakMap<object, string>();
  readonly #errors = new Map<string, object>();
  #last = 0;

  /** Two sides have different prefixes. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  idOf(error: object): string {
    const known = this.#ids.get(error);
    this.#last += known === undefined ? 1 : 0;
    const id = known ?? `${this.#prefix}${this.#last}`;
    this.remember(id, error);
    return id;
  }

  find(id: string): object | undefined {
    return this.#errors.get(id);
  }

  /** Whether the error was made on this side. */
  isOwn(id: string): boolean {
    return id.startsWith(this.#prefix);
  }

  remember(id: string, error: object): void {
    this.#ids.set(error, id);
    // the last one used is the last one forgotten
    this.#errors.delete(id);
    this.#errors.set(id, error);
    const [oldest] = this.#errors.size > remembered ? this.#errors.keys() : [];
    if (oldest !== undefined) {
      this.#errors.delete(oldest);
    }
  }
}
