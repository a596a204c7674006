import { type EntityManager, type EntityMetadata, Reference, Utils, wrap } from '@mikro-orm/core';

type Values = Readonly<Record<string, unknown>>;

/** Whether a flush of the session would send anything. Costs a fraction of what the flush would, where nothing would. */
export function hasPendingChanges(session: EntityManager): boolean {
  const unitOfWork = session.getUnitOfWork(false);
  const stacks = [unitOfWork.getRemoveStack(), unitOfWork.getOrphanRemoveStack(), unitOfWork.getCollectionUpdates()];
  if (stacks.some((stack) => [...stack].length > 0)) {
    return true;
  }
  // loading relations puts entities there that are stored, too
  for (const entity of unitOfWork.getPersistStack()) {
    if (wrap(entity, true).__originalEntityData === undefined) {
      return true;
    }
  }
  const checks = new Map<unknown, (entity: object, snapshot: Values) => boolean>();
  for (const entity of unitOfWork.getIdentityMap()) {
    const { __originalEntityData: snapshot, __meta: meta } = wrap(entity, true);
    if (snapshot !== undefined) {
      const isSame = checks.get(meta) ?? sameness(meta as unknown as EntityMetadata);
      checks.set(meta, isSame);
      if (!isSame(entity, snapshot as Values) && differs(session, entity, meta as never, snapshot)) {
        return true;
      }
    }
  }
  return false;
}

/** Makes a quick check that an entity is what the session remembers: where it says no, the comparator has to tell. */
function sameness({ comparableProps, relations }: EntityMetadata): (entity: object, snapshot: Values) => boolean {
  // of an embedded object the session remembers the columns
  const embedded = comparableProps.filter(({ kind, embedded: part }) => kind === 'embedded' && part === undefined);
  const parts = embedded.map(({ name, embeddedProps }) => ({
    name: name as string,
    columns: Object.values(embeddedProps).map((part) => part.name),
  }));
  const names = comparableProps
    .filter(({ kind, embedded: part }) => kind !== 'embedded' && part === undefined)
    .map(({ name }) => name as string);
  const collections = relations
    .filter(({ kind }) => kind === '1:m' || kind === 'm:n')
    .map(({ name }) => name as string);
  return (entity, snapshot) => {
    const values = entity as Values;
    for (const name of names) {
      const [value, remembered] = [values[name], snapshot[name]];
      if (value !== remembered && !(value == null && remembered == null) && !isKeyOf(value, remembered)) {
        return false;
      }
    }
    const isAbsent = ({ name, columns }: (typeof parts)[number]) =>
      [name, ...columns].every((column) => snapshot[column] == null) && values[name] == null;
    return parts.every(isAbsent) && collections.every((name) => !isDirty(values[name]));
  };
}

/** Whether a related entity is the one with the key, or a time the one that is remembered. */
function isKeyOf(value: unknown, remembered: unknown): boolean {
  if (value instanceof Date) {
    return remembered instanceof Date && value.getTime() === remembered.getTime();
  }
  const related: unknown = Reference.unwrapReference(value as object);
  return Utils.isEntity(related) && wrap(related as object, true).getPrimaryKey() === remembered;
}

const isDirty = (value: unknown): boolean => Utils.isCollection(value) && value.isDirty();

function differs(session: EntityManager, entity: object, meta: EntityMetadata, snapshot: object): boolean {
  if (meta.relations.some(({ name }) => isDirty((entity as Values)[name]))) {
    return true;
  }
  const comparator = session.getComparator();
  return Utils.hasObjectKeys(comparator.diffEntities(meta.class, snapshot, comparator.prepareEntity(entity)));
}
