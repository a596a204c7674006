import {
  type DynamicModule,
  type FactoryProvider,
  Module,
  type ModuleMetadata,
  type OnApplicationShutdown,
  type Provider,
  Scope,
} from '@nestjs/common';
import { MikroOrmConnectionProxy } from '../connection/connection-proxy.js';
import { type EngineOptions, MikroOrmEngineFactory } from '../engine/engine-factory.js';
import { ConfigurationError } from '../errors.js';
import type { EngineFactory } from '../interfaces/engine-factory.js';
import type { RepositoryClass } from '../unit-of-work/repositories.js';
import { UnitOfWorkHealthIndicator } from './health-indicator.js';

/** The one engine: MikroORM's options, a promise of them, or a factory. */
export type Engine = EngineOptions | Promise<EngineOptions> | EngineFactory;

/** A unit of work's class: made with an engine factory. */
export type UnitClass = new (engineFactory: EngineFactory) => object;

/** What the module hands out. */
export interface UnitOfWorkModuleOptions {
  /** The engine. It is disposed of when the application shuts down, also where it came as a factory. */
  readonly engine: Engine;
  /** A new one for each class that injects it, on a connection proxy of its own. */
  readonly repositories?: readonly RepositoryClass[] | undefined;
  /** One each: a declared unit of work holds no state. */
  readonly unitsOfWork?: readonly UnitClass[] | undefined;
}

/** The same, with an engine that needs something of the application first: its configuration, say. */
export interface UnitOfWorkModuleAsyncOptions
  extends Omit<UnitOfWorkModuleOptions, 'engine'>,
    Pick<ModuleMetadata, 'imports'> {
  /** What `useFactory` is called with. */
  readonly inject?: FactoryProvider['inject'];
  /** Makes the engine. */
  readonly useFactory: (...dependencies: never[]) => Engine;
}

/** Disposes of the engine when requests are over: Nest calls this after it has closed the server. */
class EngineDisposal implements OnApplicationShutdown {
  constructor(private readonly engineFactory: EngineFactory) {}

  async onApplicationShutdown(): Promise<void> {
    await this.engineFactory.dispose();
  }
}

/**
 * Units of work, repositories and the engine factory, injectable by their classes everywhere in a Nest application.
 *
 * The engine starts at its first use, so an application comes up without a database; `UnitOfWorkHealthIndicator` tells
 * whether there is one. Call `app.enableShutdownHooks()`: then the engine is disposed of after the server was closed, and
 * units of requests that are still on their way end first.
 *
 * @example
 * ```ts
 * import { Injectable, Module } from '@nestjs/common';
 * import { engineOptions, MikroOrmUnitOfWork, postgresConfig } from 'mikro-orm-uow';
 * import { UnitOfWorkModule } from 'mikro-orm-uow/nestjs';
 *
 * class AuditUnitOfWork extends MikroOrmUnitOfWork.of({}) {}
 *
 * class AuditService {
 *   constructor(private readonly uow: AuditUnitOfWork) {}
 *
 *   purge = () => this.uow.run((u) => u.session.flush());
 * }
 * Injectable()(AuditService);
 *
 * export class AppModule {}
 * Module({
 *   imports: [
 *     UnitOfWorkModule.forRootAsync({
 *       useFactory: () => engineOptions(postgresConfig(), { entities: [] }),
 *       unitsOfWork: [AuditUnitOfWork],
 *     }),
 *   ],
 *   providers: [AuditService],
 * })(AppModule);
 * ```
 */
// biome-ignore lint/complexity/noStaticOnlyClass: Nest knows a module by its class
export class UnitOfWorkModule {
  /** @throws ConfigurationError where there is no engine, or something that is no class among the others */
  static forRoot({ engine, ...classes }: UnitOfWorkModuleOptions): DynamicModule {
    if (engine === undefined || engine === null) {
      throw new ConfigurationError('UnitOfWorkModule.forRoot() needs an engine: options of MikroORM, or a factory.');
    }
    return moduleOf(classes, { useFactory: () => factoryOf(engine) });
  }

  /** @throws ConfigurationError where there is no `useFactory`, or something that is no class among the others */
  static forRootAsync({ imports, inject, useFactory, ...classes }: UnitOfWorkModuleAsyncOptions): DynamicModule {
    if (typeof useFactory !== 'function') {
      throw new ConfigurationError(
        'UnitOfWorkModule.forRootAsync() needs a function, useFactory, that makes the engine.',
      );
    }
    const engine = {
      useFactory: (...dependencies: never[]) => factoryOf(useFactory(...dependencies)),
      ...(inject === undefined ? {} : { inject }),
    };
    return { ...moduleOf(classes, engine), ...(imports === undefined ? {} : { imports }) };
  }
}
Module({})(UnitOfWorkModule);

function moduleOf(
  { repositories = [], unitsOfWork = [] }: Omit<UnitOfWorkModuleOptions, 'engine'>,
  engine: Pick<FactoryProvider<EngineFactory>, 'inject'> & { useFactory: (...dependencies: never[]) => EngineFactory },
): DynamicModule {
  for (const [name, classes] of Object.entries({ repositories, unitsOfWork })) {
    if (!Array.isArray(classes) || !classes.every((each) => typeof each === 'function')) {
      throw new ConfigurationError(`${name} of UnitOfWorkModule must be an array of classes.`);
    }
  }
  const inject = [MikroOrmEngineFactory];
  const providers: Provider[] = [
    { provide: MikroOrmEngineFactory, ...engine } as FactoryProvider<EngineFactory>,
    {
      provide: MikroOrmConnectionProxy,
      scope: Scope.TRANSIENT,
      inject,
      useFactory: (engineFactory: MikroOrmEngineFactory) => new MikroOrmConnectionProxy(engineFactory),
    },
    ...repositories.map((Repository) => ({
      provide: Repository,
      scope: Scope.TRANSIENT,
      inject: [MikroOrmConnectionProxy],
      useFactory: (connectionProxy: MikroOrmConnectionProxy) => new Repository(connectionProxy),
    })),
    ...unitsOfWork.map((UnitOfWork) => ({
      provide: UnitOfWork,
      inject,
      useFactory: (engineFactory: EngineFactory) => new UnitOfWork(engineFactory),
    })),
    {
      provide: UnitOfWorkHealthIndicator,
      inject,
      useFactory: (engineFactory: EngineFactory) => new UnitOfWorkHealthIndicator(engineFactory),
    },
  ];
  const disposal = {
    provide: EngineDisposal,
    inject,
    useFactory: (engineFactory: EngineFactory) => new EngineDisposal(engineFactory),
  };
  return {
    module: UnitOfWorkModule,
    global: true,
    providers: [...providers, disposal],
    exports: providers.map((provider) => (provider as FactoryProvider).provide),
  };
}

function factoryOf(engine: Engine): EngineFactory {
  const { create, dispose } = engine as Partial<EngineFactory>;
  return typeof create === 'function' && typeof dispose === 'function'
    ? (engine as EngineFactory)
    : new MikroOrmEngineFactory(engine as EngineOptions | Promise<EngineOptions>);
}
