import { describeValue } from '../common/describe-value.js';
import { ConfigurationError } from '../errors.js';
import type { UnitOfWorkOptions, UnitSessionContext } from './options.js';

/** Variables that would undo the role, or the policies. */
const reserved = ['role', 'session_authorization', 'row_security', 'session_replication_role'];

/** The bytes of a name in PostgreSQL: the rest is cut off, and what is left may be another one's name. */
const longestName = 63;

/** What the last layer of options that names it leaves undefined; `required` refuses it. */
const missing = Symbol('missing');

interface LaidSettings extends UnitSessionContext {
  readonly [missing]?: ReadonlySet<string>;
}

/** A session context, or the function that gives one: what that gives is checked when it does. */
export function checkSession(session: unknown): void {
  if (typeof session !== 'function') {
    checkContext(session);
  }
}

/** @throws ConfigurationError where a role is no plain role, or a variable has no value that PostgreSQL could keep */
function checkContext(session: unknown): asserts session is UnitSessionContext {
  if (!isRecord(session)) {
    throw new ConfigurationError(
      `session must be { variables, role, required }, and is ${describeValue(session)}. Nothing was sent.`,
    );
  }
  const { role, variables, required, ...others } = session;
  for (const name of Object.keys(others)) {
    throw new ConfigurationError(
      `There is no session option ${cut(name)}; there are variables, role, required. Nothing was sent.`,
    );
  }
  if (role !== undefined && !isRole(role)) {
    throw new ConfigurationError(
      'session.role must be the name of a role: not "none", which PostgreSQL takes for the login role, not empty, and 63 bytes at the most. Nothing was sent.',
    );
  }
  if (required !== undefined && typeof required !== 'boolean') {
    throw new ConfigurationError(
      `session.required must be true or false, and is ${describeValue(required)}. Nothing was sent.`,
    );
  }
  if (variables !== undefined && !isRecord(variables)) {
    throw new ConfigurationError(
      `session.variables must be an object, and is ${describeValue(variables)}. Nothing was sent.`,
    );
  }
  for (const [name, value] of Object.entries(variables ?? {})) {
    checkVariable(name, value);
  }
}

/** A list or a map has its values elsewhere: it would pass as nothing at all. */
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !(Symbol.iterator in value);

const isRole = (role: unknown): boolean =>
  typeof role === 'string' &&
  role.trim() !== '' &&
  role.trim().toLowerCase() !== 'none' &&
  isStorable(role) &&
  Buffer.byteLength(role) <= longestName;

function checkVariable(name: string, value: unknown): void {
  if (
    name.length > 2 * longestName ||
    !/^[a-z_][\w$]*(\.[a-z_][\w$]*)*$/i.test(name) ||
    reserved.includes(name.toLowerCase())
  ) {
    throw new ConfigurationError(
      `${cut(name)} is no name of a session variable; "app.tenant" is one. Nothing was sent.`,
    );
  }
  const valid =
    ['number', 'boolean', 'undefined'].includes(typeof value) ||
    (typeof value === 'string' && isStorable(value)) ||
    (value instanceof Date && !Number.isNaN(value.getTime()));
  if (!valid) {
    throw new ConfigurationError(
      `The session variable "${name}" must be a string without NUL, a number, a boolean or a Date. Nothing was sent.`,
    );
  }
}

/** PostgreSQL has no NUL, and no bytes for half of a surrogate pair. */
const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

const cut = (name: string): string => JSON.stringify(name.slice(0, 60));

/** The session context that options have, or that their function gives. Rejects as `checkContext` throws. */
export async function contextOf(session: UnitOfWorkOptions['session']): Promise<UnitSessionContext | undefined> {
  if (typeof session !== 'function') {
    return session;
  }
  const context: unknown = await session();
  checkContext(context);
  return context;
}

/** Lays settings over others: variables name by name, and what is undefined not at all. */
export function layOver(below: LaidSettings | undefined, above: LaidSettings | undefined): UnitSessionContext {
  const role = above?.role ?? below?.role;
  const required = above?.required ?? below?.required;
  const laid: LaidSettings = {
    ...(role !== undefined && { role }),
    ...(required !== undefined && { required }),
    variables: { ...defined(below?.variables), ...defined(above?.variables) },
    [missing]: missingIn(below, above),
  };
  return laid;
}

function missingIn(...layers: readonly (LaidSettings | undefined)[]): Set<string> {
  const names = new Set<string>();
  for (const layer of layers) {
    const named = Object.entries(layer?.variables ?? {}).map(([name, value]) => [`variable "${name}"`, value] as const);
    for (const [name, value] of layer !== undefined && 'role' in layer ? [...named, ['role', layer.role]] : named) {
      if (value === undefined) {
        names.add(name as string);
      } else {
        names.delete(name as string);
      }
    }
    for (const name of layer?.[missing] ?? []) {
      names.add(name);
    }
  }
  return names;
}

/** @throws ConfigurationError where `required` is set, and the role or a variable was left undefined, or there is neither */
export function refuseMissing(session: LaidSettings | undefined): void {
  if (!session?.required) {
    return;
  }
  for (const name of session[missing] ?? []) {
    throw new ConfigurationError(`The session ${name} is undefined, and "session.required" is set. Nothing was sent.`);
  }
  if (!hasSettings(session)) {
    throw new ConfigurationError(
      'The session has neither a role nor a variable, and "session.required" is set. Nothing was sent.',
    );
  }
}

/** Whether a unit is to have a role or variables of its own. */
export const hasSettings = (session: UnitOfWorkOptions['session']): boolean =>
  typeof session === 'object' && (session.role !== undefined || Object.keys(defined(session.variables)).length > 0);

const defined = (variables: UnitSessionContext['variables']): NonNullable<UnitSessionContext['variables']> =>
  Object.fromEntries(Object.entries(variables ?? {}).filter(([, value]) => value !== undefined));
