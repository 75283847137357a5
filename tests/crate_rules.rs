//! Which crate may know which, and what every crate of the workspace has in common.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use cargo_metadata::{Dependency, DependencyKind, Metadata, MetadataCommand, Package};

const CORE: &str = "ipchannel-core";
const MIDDLE: [&str; 3] = ["ipchannel-transport", "ipchannel-election", "ipchannel-codec"];

/// No socket, no file, no serialization format.
const CORE_MAY_USE: [&str; 10] = [
    "bytes",
    "fastrand",
    "futures-core",
    "futures-util",
    "pin-project-lite",
    "thiserror",
    "tokio",
    "tower-layer",
    "tower-service",
    "tracing",
];
const CORE_MAY_USE_OF_TOKIO: [&str; 2] = ["sync", "time"];

static METADATA: LazyLock<Metadata> =
    LazyLock::new(|| MetadataCommand::new().other_options(["--locked".to_owned()]).exec().unwrap());

fn members() -> Vec<&'static Package> {
    let members = METADATA.workspace_packages();
    assert!(members.len() >= 5, "the workspace lost crates");
    members
}

fn member(name: &str) -> &'static Package {
    members().into_iter().find(|package| package.name == name).unwrap()
}

fn used(package: &Package) -> impl Iterator<Item = &Dependency> {
    package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development)
}

fn library(package: &Package) -> Option<&Path> {
    package.targets.iter().find(|target| target.is_lib()).map(|target| target.src_path.as_std_path())
}

#[test]
fn the_channel_knows_the_three_the_three_know_the_core_and_nobody_knows_more() {
    let names: BTreeSet<_> = members().iter().map(|package| package.name.as_str()).collect();
    for package in members() {
        let may_know: &[&str] = match package.name.as_str() {
            CORE => &[],
            name if MIDDLE.contains(&name) => &[CORE],
            "ipchannel" => &[CORE, MIDDLE[0], MIDDLE[1], MIDDLE[2]],
            // What is built on it is built as users build.
            _ => &["ipchannel"],
        };
        // Tests included: what one of the three must know for a test of its own is not its own affair.
        for known in package.dependencies.iter().map(|dependency| dependency.name.as_str()) {
            assert!(!names.contains(known) || may_know.contains(&known), "{} must not depend on {known}", package.name);
        }
    }
}

#[test]
fn the_core_knows_no_socket_no_file_and_no_format() {
    for dependency in used(member(CORE)) {
        let name = dependency.name.as_str();
        assert!(CORE_MAY_USE.contains(&name), "the core must not use {name}; if it may, name it here");
        if name == "tokio" {
            assert!(!dependency.uses_default_features);
            for feature in &dependency.features {
                assert!(CORE_MAY_USE_OF_TOKIO.contains(&feature.as_str()), "the core must not use tokio's {feature}");
            }
        }
    }
}

#[test]
fn layers_know_neither_links_nor_the_router() {
    let root = library(member(CORE)).unwrap().parent().unwrap();
    let mut seen = 0;
    for file in sources(&root.join("layer")) {
        let text = fs::read_to_string(&file).unwrap();
        for module in ["link", "router", "frame", "roster"] {
            let path = format!("crate::{module}");
            assert!(!text.contains(&path), "{} names {path}", file.display());
        }
        seen += 1;
    }
    assert!(seen > 5, "the layers are somewhere else");
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

#[test]
fn a_plain_cargo_command_is_about_every_member() {
    let all: BTreeSet<_> = METADATA.workspace_members.iter().collect();
    let usual: BTreeSet<_> = METADATA.workspace_default_members.iter().collect();
    assert_eq!(usual, all);
}

#[test]
fn every_member_has_the_lints_and_the_versions_of_the_workspace() {
    let root = member("ipchannel");
    for package in members() {
        let name = &package.name;
        let manifest = fs::read_to_string(&package.manifest_path).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{name} has no lints of the workspace");
        assert_eq!(package.edition, root.edition, "{name}");
        assert_eq!(package.rust_version, root.rust_version, "{name}");
        assert_eq!(package.license, root.license, "{name}");
        // What is not published runs in nobody's program.
        if let Some(library) = library(package).filter(|_| package.publish.is_none()) {
            let text = fs::read_to_string(library).unwrap();
            let banned = "#![cfg_attr(not(test), warn(clippy::disallowed_methods))]";
            assert!(text.contains(banned), "{} must say {banned}", library.display());
        }
    }
}

#[test]
fn no_dependency_demands_a_newer_rust() {
    let ours = member("ipchannel").rust_version.as_ref().expect("the workspace names its oldest Rust");
    for package in &METADATA.packages {
        if let Some(version) = &package.rust_version {
            assert!(version <= ours, "{} {} demands Rust {version}", package.name, package.version);
        }
    }
}

/// Differently built processes must meet: a feature adds a part, it is not a switch.
#[test]
fn every_feature_brings_a_dependency() {
    for package in members() {
        for (feature, brings) in package.features.iter().filter(|(feature, _)| *feature != "default") {
            let brings_one = brings.iter().any(|item| item.starts_with("dep:") || item.contains('/'));
            assert!(brings_one, "{}: the feature {feature} brings no dependency", package.name);
        }
    }
}
