import type { Container, ContainerInstance } from 'typedi';

/** What TypeDI keeps of a service, as far as it is looked at here. */
interface Service {
  readonly type?: unknown;
  readonly factory?: unknown;
}

/** What a class in JavaScript calls the container that TypeDI hands to it. */
const TAKES_CONTAINER = /constructor\s*\(\s*_?(container|di)\b/i;

/**
 * Warns of services of the container that can't get what their constructor asks for: TypeDI knows its types from
 * `design:paramtypes` alone, and hands out itself where a runner has not written that. Such a unit of work shows as "run is not a
 * function", long afterwards.
 */
export function warnOfMissingMetadata(container: typeof Container | ContainerInstance): void {
  const { of } = container as { of?(id: undefined): object };
  const { services = [] } = (of?.call(container, undefined) ?? container) as { readonly services?: readonly Service[] };
  const { getMetadata } = Reflect as { getMetadata?(key: string, target: object): unknown };
  const names = services
    .filter(({ factory }) => factory === undefined || factory === null)
    .map(({ type }) => type)
    .filter((type) => typeof type === 'function')
    .filter((type) => type.length > 0 && getMetadata?.('design:paramtypes', type) === undefined)
    .filter((type) => !TAKES_CONTAINER.test(String(type)))
    .map(({ name }) => name);
  if (names.length > 0) {
    process.emitWarning(
      `TypeDI can't tell what the constructor of ${names.join(', ')} takes, and will hand it the container: whatever compiles the class writes no "design:paramtypes". Compile with tsc or swc and emitDecoratorMetadata (esbuild, tsx and Node itself have none of it), import what is injected as a value and not by "import type", or inject into properties with @Inject(() => BankUnitOfWork).`,
      { type: 'UnitOfWorkWarning', code: 'MIKRO_ORM_UOW_NO_METADATA' },
    );
  }
}
