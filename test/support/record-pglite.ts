import type { PGlite, Results, Transaction } from '@electric-sql/pglite';

/** What a PGlite has been sent, transaction control included, and a way to it that is not recorded. */
export interface PgliteRecording {
  readonly sent: string[];
  exec(statements: string): Promise<Results[]>;
}

/** Writes down all that goes through a PGlite instance from now on. */
export function recordPglite(pglite: PGlite): PgliteRecording {
  const sent: string[] = [];
  const { query, exec, transaction } = pglite;
  const through = <Args extends [string, ...unknown[]], T>(target: object, method: (...args: Args) => T) =>
    ((...args: Args) => {
      sent.push(args[0]);
      return method.apply(target, args);
    }) as typeof method;

  const recorded = async <T>(work: (tx: Transaction) => Promise<T>): Promise<T | undefined> => {
    let ended = false;
    const end = (how: string): void => {
      if (!ended) {
        sent.push(how);
      }
      ended = true;
    };
    const observed = (tx: Transaction): Transaction =>
      Object.assign(Object.create(tx), {
        query: through(tx, tx.query),
        exec: through(tx, tx.exec),
        rollback: () => {
          end('rollback');
          return tx.rollback();
        },
      });
    try {
      const result = await transaction.call(pglite, (tx: Transaction) => {
        sent.push('begin');
        return work(observed(tx));
      });
      end('commit');
      return result as T;
    } catch (error) {
      end('rollback');
      throw error;
    }
  };
  Object.defineProperties(pglite, {
    query: { configurable: true, value: through(pglite, query as never) },
    exec: { configurable: true, value: through(pglite, exec as never) },
    transaction: { configurable: true, value: recorded },
  });
  return { sent, exec: (statements) => exec.call(pglite, statements) };
}
