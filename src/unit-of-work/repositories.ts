import { describeValue } from '../common/describe-value.js';
import { ConfigurationError } from '../errors.js';
import type { ConnectionProxy } from '../interfaces/connection-proxy.js';
import type { ActiveUnit } from './active-unit.js';

/** A repository's class: made with a connection proxy alone. */
export type RepositoryClass<Repository extends object = object> = new (connectionProxy: ConnectionProxy) => Repository;

/** The repositories of a unit of work, by the names that they have in it. */
export type Repositories = Readonly<Record<string, RepositoryClass>>;

/** The repositories themselves, as the open unit has them. */
export type RepositoriesOf<Declared extends Repositories> = {
  readonly [Name in keyof Declared]: InstanceType<Declared[Name]>;
};

/** Names that an open unit has already, or that JavaScript would take for something else. */
type ReservedName =
  | Exclude<keyof ActiveUnit<Repositories>, symbol>
  | keyof typeof Object.prototype
  | 'constructor'
  | 'then'
  | '__proto__';

/** Does not compile where a repository has the name of a member of the unit, or is no class: the message says what to write. */
export type Declarable<Declared> = {
  readonly [Name in keyof Declared]: Name extends ReservedName
    ? `"${Name}" is a member of every unit of work: give the repository another name`
    : Declared[Name] extends RepositoryClass
      ? Declared[Name]
      : `"${Name & string}" must be the class of a repository, such as AccountRepository, and no instance of it`;
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
