import { describeValue } from '../common/describe-value.js';
import { ConfigurationError } from '../errors.js';

/** What row-level security policies ask for, for the length of a unit's transaction. */
export interface SessionSettings {
  /** Variables of the transaction, by names with a dot: `{ 'app.tenant': 7 }`; `current_setting('app.tenant')` reads them. */
  variables?: Readonly<Record<string, string | number | boolean | undefined>> | undefined;
  /** The role that the transaction runs as. The login role must be a member of it. */
  role?: string | undefined;
  /**
   * Refuses the unit where the role, or a variable that any layer of options names, is undefined in the last layer that
   * names it. Without it, what is undefined falls back to the layer before, and at last to none.
   */
  required?: boolean | undefined;
}

/** Variables that would undo the role, or the policies. */
const reserved = ['role', 'session_authorization', 'row_security', 'session_replication_role'];

/** The bytes of a name in PostgreSQL: the rest is cut off, and what is left may be another one's name. */
const longestName = 63;

/** @throws ConfigurationError where a role is no plain role, or a variable has no value that PostgreSQL could keep */
export function validateSession(session: SessionSettings): void {
  if (typeof session !== 'object' || session === null) {
    throw new ConfigurationError(`session must be { variables, role, required }, and is ${describeValue(session)}.`);
  }
  const { role, variables, required, ...others } = session;
  for (const name of Object.keys(others)) {
    throw new ConfigurationError(`There is no session option ${cut(name)}; there are variables, role, required.`);
  }
  if (role !== undefined && !isRole(role)) {
    throw new ConfigurationError(
      'session.role must be the name of a role: not "none", which PostgreSQL takes for the login role, not empty, and 63 bytes at the most. Nothing was sent.',
    );
  }
  if (required !== undefined && typeof required !== 'boolean') {
    throw new ConfigurationError(`session.required must be true or false, and is ${describeValue(required)}.`);
  }
  if (variables !== undefined && (typeof variables !== 'object' || variables === null || Array.isArray(variables))) {
    throw new ConfigurationError(`session.variables must be an object, and is ${describeValue(variables)}.`);
  }
  for (const [name, value] of Object.entries(variables ?? {})) {
    validateVariable(name, value);
  }
}

const isRole = (role: unknown): boolean =>
  typeof role === 'string' &&
  role.trim() !== '' &&
  role.trim().toLowerCase() !== 'none' &&
  isStorable(role) &&
  Buffer.byteLength(role) <= longestName;

function validateVariable(name: string, value: unknown): void {
  if (
    name.length > 2 * longestName ||
    !/^[a-z_][\w$]*(\.[a-z_][\w$]*)*$/i.test(name) ||
    reserved.includes(name.toLowerCase())
  ) {
    throw new ConfigurationError(
      `${cut(name)} is no name of a session variable; "app.tenant" is one. Nothing was sent.`,
    );
  }
  if (
    !['string', 'number', 'boolean', 'undefined'].includes(typeof value) ||
    (typeof value === 'string' && !isStorable(value))
  ) {
    throw new ConfigurationError(
      `The session variable "${name}" must be a string without NUL, a number or a boolean. Nothing was sent.`,
    );
  }
}

/** PostgreSQL has no NUL, and no bytes for half of a surrogate pair. */
const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

const cut = (name: string): string => JSON.stringify(name.slice(0, 60));

/** Lays settings over others: variables name by name, and what is undefined not at all. */
export function layOver(below: SessionSettings | undefined, above: SessionSettings): SessionSettings {
  return {
    ...below,
    ...given(above),
    variables: { ...below?.variables, ...given(above.variables ?? {}) },
  };
}

/** @throws ConfigurationError where `required` is set and the last layer that names a variable or a role leaves it undefined */
export function refuseMissing(layers: readonly (SessionSettings | undefined)[]): void {
  if (!layers.some((layer) => layer?.required)) {
    return;
  }
  const named = new Map<string, unknown>();
  for (const layer of layers) {
    for (const [name, value] of Object.entries(layer?.variables ?? {})) {
      named.set(`variable "${name}"`, value);
    }
    if (layer !== undefined && 'role' in layer) {
      named.set('role', layer.role);
    }
  }
  for (const [name, value] of named) {
    if (value === undefined) {
      throw new ConfigurationError(
        `The session ${name} is undefined, and "session.required" is set. Nothing was sent.`,
      );
    }
  }
}

/** Whether a unit is to have a role or variables of its own. */
export const hasSettings = (session: SessionSettings | undefined): boolean =>
  session !== undefined && (session.role !== undefined || Object.keys(session.variables ?? {}).length > 0);

const given = <T extends object>(values: T): Partial<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
