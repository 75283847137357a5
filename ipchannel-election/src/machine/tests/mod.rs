mod acts;
mod checks;
mod member;
mod rules;
mod simulation;
mod world;
