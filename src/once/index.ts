export { CompletedUnit } from './completed-unit.js';
export { deleteCompletedUnits } from './delete-completed-units.js';
