mod acts;
mod checks;
mod rules;
mod simulation;
mod world;
