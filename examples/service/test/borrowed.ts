import type { EngineFactory } from 'mikro-orm-uow';

/** An engine that a service may dispose of without ending it: the tests go on with it. */
export const borrowed = (engine: EngineFactory): EngineFactory => ({
  create: () => engine.create(),
  dispose: async () => {},
  [Symbol.asyncDispose]: async () => {},
});
