import { ConfigurationError } from '../errors.js';
import type { UnitOfWorkOptions } from './options.js';

/** A declared unit of work, whichever repositories it has. */
interface DeclaredUnit {
  run(work: () => Promise<unknown>, options?: UnitOfWorkOptions): Promise<unknown>;
  begin(options?: UnitOfWorkOptions): Promise<object>;
}

type Method<This, Args extends unknown[], Result> = (this: This, ...args: Args) => Promise<Result>;

/** A decorator for asynchronous methods, standard or legacy. */
export interface InUnitOfWorkDecorator<This extends object> {
  <Args extends unknown[], Result>(
    method: Method<This, Args, Result>,
    context: ClassMethodDecoratorContext<This, Method<This, Args, Result>>,
  ): Method<This, Args, Result>;
  <Args extends unknown[], Result>(
    prototype: This,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<(...args: Args) => Promise<Result>>,
  ): void;
}

/**
 * Has a method run in a unit of the declaration that `pick` gives: it commits when the method returns and rolls back when
 * it throws. Where one is open already, the method takes part in it (`propagation: 'required'`), unless `options` say
 * otherwise. Inside, `current` of the picked unit is the open one.
 *
 * It works as a standard decorator and as a legacy one (`experimentalDecorators`), and keeps nothing anywhere: a method
 * that is called on a class that was made by hand runs in a unit just the same. The method rejects as `run` does.
 *
 * @throws ConfigurationError where it stands on something that is no method
 *
 * @example
 * ```ts
 * import { InUnitOfWork, MikroOrmUnitOfWork } from 'mikro-orm-uow';
 *
 * class AuditUnitOfWork extends MikroOrmUnitOfWork.of({}) {}
 *
 * export class AuditService {
 *   constructor(private readonly uow: AuditUnitOfWork) {}
 *
 *   @InUnitOfWork<AuditService>((service) => service.uow, { retry: 3 })
 *   async purge(): Promise<void> {
 *     await this.uow.current?.session.flush();
 *   }
 * }
 * ```
 */
export function InUnitOfWork<This extends object>(
  pick: (instance: This) => DeclaredUnit,
  options?: UnitOfWorkOptions,
): InUnitOfWorkDecorator<This> {
  const wrap = <Args extends unknown[], Result>(method: Method<This, Args, Result>): Method<This, Args, Result> => {
    if (typeof method !== 'function') {
      throw new ConfigurationError('@InUnitOfWork stands on a method, and on nothing else.');
    }
    return async function (this: This, ...args: Args): Promise<Result> {
      const unit = pick(this);
      if (typeof unit?.run !== 'function') {
        throw new ConfigurationError(
          `@InUnitOfWork got no unit of work for ${describe(this)}: the function that picks it gave ${unit === null ? 'null' : typeof unit}. Where a container should have injected it, look whether it was registered, and whether your compiler emits decorator metadata. Nothing was sent.`,
        );
      }
      return (await unit.run(async () => method.apply(this, args), { propagation: 'required', ...options })) as Result;
    };
  };
  const decorate = (target: unknown, _context: unknown, descriptor?: TypedPropertyDescriptor<never>): unknown => {
    if (descriptor === undefined) {
      return wrap(target as Method<This, unknown[], unknown>);
    }
    descriptor.value = wrap(descriptor.value as unknown as Method<This, unknown[], unknown>) as never;
    return undefined;
  };
  return decorate as InUnitOfWorkDecorator<This>;
}

const describe = (instance: object): string => instance?.constructor?.name ?? String(instance);
