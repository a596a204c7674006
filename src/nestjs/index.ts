export { UnitOfWorkHealthIndicator } from './health-indicator.js';
export {
  type Engine,
  type UnitClass,
  UnitOfWorkModule,
  type UnitOfWorkModuleAsyncOptions,
  type UnitOfWorkModuleOptions,
} from './unit-of-work-module.js';
