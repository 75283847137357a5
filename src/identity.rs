//! The identity a process has without saying so: from its environment.

use ipchannel_core::Identity;

/// A preference only: children inherit these variables, so one that is held already means "take the lowest free id".
///
/// `IPCHANNEL_IDENTITY` first; else, under PM2, the application's `name` and the instance's number.
pub(crate) fn from_environment(get: impl Fn(&str) -> Option<String>) -> Option<Identity> {
    let get = |name: &str| get(name).filter(|value| !value.is_empty());
    if let Some(name) = get("IPCHANNEL_IDENTITY") {
        return Some(Identity::new(name));
    }
    get("pm_id")?;
    Some(Identity::new(format!("pm2:{}:{}", get("name")?, get("NODE_APP_INSTANCE")?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(variables: &[(&str, &str)]) -> Option<String> {
        let get = |name: &str| Some(variables.iter().find(|(n, _)| *n == name)?.1.to_owned());
        from_environment(get).map(|identity| identity.to_string())
    }

    #[test]
    fn our_own_variable_wins_over_pm2s() {
        let pm2 = [("pm_id", "3"), ("name", "web"), ("NODE_APP_INSTANCE", "1")];
        assert_eq!(identity(&pm2).as_deref(), Some("pm2:web:1"));
        assert_eq!(identity(&[pm2.as_slice(), &[("IPCHANNEL_IDENTITY", "a")]].concat()).as_deref(), Some("a"));
    }

    #[test]
    fn a_variable_called_name_outside_pm2_means_nothing() {
        assert_eq!(identity(&[("name", "web"), ("NODE_APP_INSTANCE", "1")]), None);
        assert_eq!(identity(&[("IPCHANNEL_IDENTITY", "")]), None);
    }
}
