import type { ActiveUnit } from './active-unit.js';
import type { Repositories, RepositoryClass } from './repositories.js';

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
