/** Tests that can't pass through PgBouncer, each with its reason. */
export const cannotPass = [];
