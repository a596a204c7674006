import type { AbstractSqlConnection, SqlEntityManager as EntityManager } from '@mikro-orm/sql';

type EntityManagerClass = new (...args: never[]) => EntityManager;

/** Where, among the arguments of these, the transaction stands that they run in. */
const TRANSACTION_AT: Readonly<Record<string, number>> = { execute: 3, stream: 2, callRoutine: 2 };

const classes = new WeakMap<object, object>();

/**
 * The class of sessions whose `getConnection().execute()` takes part in their transaction. MikroORM's connection knows of none
 * unless it is told at each call, and would run the statement on another connection.
 */
export function withSessionConnection<Class extends object>(Base: Class): Class {
  const known = classes.get(Base);
  if (known) {
    return known as Class;
  }
  const Derived = class extends (Base as unknown as EntityManagerClass) {
    #connection: [plain: AbstractSqlConnection, own: AbstractSqlConnection] | undefined;

    override getConnection(...args: Parameters<EntityManager['getConnection']>): AbstractSqlConnection {
      const plain = super.getConnection(...args);
      if (this.#connection?.[0] !== plain) {
        this.#connection = [plain, sessionConnection(plain, () => this.getTransactionContext())];
      }
      return this.#connection[1];
    }
  };
  Object.defineProperty(Derived, 'name', { value: (Base as { name?: string }).name });
  classes.set(Base, Derived);
  return Derived as unknown as Class;
}

/** The same connection, whose statements run in the session's transaction unless they are told another one. */
function sessionConnection(connection: AbstractSqlConnection, transaction: () => unknown): AbstractSqlConnection {
  const methods = new Map<PropertyKey, unknown>();
  return new Proxy(connection, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') {
        return value;
      }
      if (!methods.has(name)) {
        methods.set(name, bound(target, name, value as (...args: unknown[]) => unknown));
      }
      return methods.get(name);
    },
  });

  function bound(target: object, name: PropertyKey, method: (...args: unknown[]) => unknown) {
    const at = typeof name === 'string' && Object.hasOwn(TRANSACTION_AT, name) ? TRANSACTION_AT[name] : undefined;
    return at === undefined
      ? method.bind(target)
      : (...args: unknown[]) => {
          args.length = Math.max(args.length, at + 1);
          args[at] ??= transaction();
          return method.apply(target, args);
        };
  }
}
