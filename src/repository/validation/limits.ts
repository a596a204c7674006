/** How much of a filter, of data or of options a repository takes. What has more is refused before anything is sent. */
export interface InputLimits {
  /** How deep objects and arrays may be nested: MikroORM and PostgreSQL go through them by recursion. 32 unless set. */
  readonly depth: number;
  /** How many values one filter, one row of data or one call's options may have, all lists counted. 50,000 unless set. */
  readonly values: number;
  /** How many names a path of `populate`, `fields` or `exclude` may have: each is a join or a statement. 8 unless set. */
  readonly path: number;
}

export const defaultLimits: InputLimits = { depth: 32, values: 50_000, path: 8 };
