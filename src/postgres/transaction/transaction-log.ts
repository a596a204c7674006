/** What tells a transaction from all others. */
export interface TransactionId {
  readonly xid: string;
  /** The server that gave it the id, and the run of it: no other may be asked what became of it. */
  readonly run: string;
}

/** The transaction's id, from the answer to the question for it, if it has one: it gets it with the first write. */
export const transactionId = ([xid, run]: readonly (string | null)[]): TransactionId | undefined =>
  xid && run ? { xid, run } : undefined;

/** Learns the ids of transactions, and what became of them. */
export interface TransactionLog {
  /** The query that travels with a statement. With `assign` a transaction that has no id gets one. */
  question(options: { readonly assign: boolean }): string;
  /** Whether a role may ask it; undefined as long as it hasn't. One that may not has its transaction aborted by the question. */
  mayAsk(role: string): boolean | undefined;
  /** Takes note of whether the question was answered. */
  answered(role: string | undefined, error: Error | undefined): void;
  /** Whether the transaction was committed; rejects with `CommitOutcomeUnknownError` if that can't be found out. */
  settle(id: TransactionId, cause: Error): Promise<boolean>;
}

/** Privileges that are missing, or functions: the server doesn't tell, and won't. */
export const isRefused = (error: unknown): boolean => String((error as { code?: unknown }).code).startsWith('42');
