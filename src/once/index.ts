export { CompletedUnit } from '../unit-of-work/once/completed-unit.js';
export { deleteCompletedUnits } from './delete-completed-units.js';
