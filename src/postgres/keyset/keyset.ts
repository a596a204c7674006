/**
 * A row's place in an order, as PostgreSQL's own text of each column: no value of JavaScript's tells rows apart that
 * differ in the seventh digit, and no conversion of a type's is involved. Null is null.
 */
export type Position = readonly (string | null)[];

/** How one column of an order sorts. */
export interface Direction {
  readonly descending: boolean;
  readonly nullsFirst: boolean;
  readonly nullable: boolean;
}

/** One column of an order. */
export interface OrderColumn extends Direction {
  /** MikroORM's order by this column alone: `{ home: { city: 'asc' } }` */
  readonly orderBy: object;
}

/** What a read along an order asks of the driver, beyond MikroORM's options. */
export interface Keyset {
  /** The columns of the order. The key is among them, so no two rows share a place. */
  readonly columns: readonly OrderColumn[];
  /** Which of the columns are the key. */
  readonly key: readonly number[];
  /** Only rows after a position, before one, or both. */
  readonly after?: Position | undefined;
  readonly before?: Position | undefined;
  /** Only rows with these keys. */
  readonly among?: readonly Position[] | undefined;
  /** Where the positions of the rows are put. */
  readonly positions?: Position[] | undefined;
  /** How many rows become entities: all unless set. With 0, nothing but positions is selected. */
  readonly take?: number | undefined;
}

/** The option of `em.find()` and `em.stream()` that carries a keyset to the driver. */
export const keyset: unique symbol = Symbol('keyset');
