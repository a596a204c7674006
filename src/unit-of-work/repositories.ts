import { describeValue } from '../common/describe-value.js';
import { ConfigurationError } from '../errors.js';
import type { ConnectionProxy } from '../interfaces/connection-proxy.js';

/** A repository's class: made with a connection proxy alone. */
export type RepositoryClass<Repository extends object = object> = new (connectionProxy: ConnectionProxy) => Repository;

/** The repositories of a unit of work, by the names that they have in it. */
export type Repositories = Readonly<Record<string, RepositoryClass>>;

/** The repositories themselves, as the open unit has them. */
export type RepositoriesOf<Declared extends Repositories> = {
  readonly [Name in keyof Declared]: InstanceType<Declared[Name]>;
};

/** The classes of what was declared. */
export type Classes<Declared> = {
  readonly [Name in keyof Declared]: Declared[Name] extends RepositoryClass ? Declared[Name] : never;
};

/** @throws ConfigurationError where a name is taken, or what stands under it is no class. */
export function validateRepositories(declared: Repositories, members: object): void {
  if (typeof declared !== 'object' || declared === null) {
    throw new ConfigurationError('MikroOrmUnitOfWork.of() needs the repositories, as { name: RepositoryClass }.');
  }
  for (const [name, Repository] of Object.entries(declared)) {
    if (name in members || name === 'then') {
      throw new ConfigurationError(
        `A repository can't be called "${name}": that is a member of every unit of work. Give it another name.`,
      );
    }
    if (typeof Repository !== 'function' || Repository.prototype === undefined) {
      throw new ConfigurationError(`The repository "${name}" must be a class, and is ${describeValue(Repository)}.`);
    }
  }
}
