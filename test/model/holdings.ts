/** The rows that a part of a history may change, and the entities that it holds in its hands. */
export class Holdings<Entity> {
  /** The keys of rows that were made, or tried to be, in the order of the text. */
  readonly keys: string[];
  readonly held = new Map<string, Entity>();

  constructor(keys: string[] = []) {
    this.keys = keys;
  }

  /** The key that a step picks, if there are any. */
  pick(number: number): string | undefined {
    return this.keys[number % Math.max(1, this.keys.length)];
  }

  /** For a unit inside: it may change the same rows, or none of them where it does not share the transaction. */
  inside(independent: boolean): Holdings<Entity> {
    return new Holdings(independent ? [] : this.keys);
  }

  /** After a unit inside: what an independent one has made is free now, and entities may be out of date. */
  after(inner: Holdings<Entity>, undone: boolean): void {
    if (inner.keys !== this.keys) {
      this.keys.push(...inner.keys);
    }
    if (!undone) {
      this.held.clear();
    }
  }
}
