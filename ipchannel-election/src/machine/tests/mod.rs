mod acts;
mod checks;
mod simulation;
mod world;
