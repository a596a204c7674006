/** Whether two types are the same, `any` and `never` told apart. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/**
 * Compiles where `Actual` is exactly `Expected`. Nothing happens at run time.
 *
 * @example
 * ```ts
 * expectType<string, typeof name>(true);
 * ```
 */
export function expectType<Expected, Actual>(_same: Same<Expected, Actual>): void {}
