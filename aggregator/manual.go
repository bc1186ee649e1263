package main

import (
	"belfry/aggregator/config"
	"belfry/shared/cmdline"
)

// manual is what the manual page tells beside the commands.
func manual() *cmdline.Manual {
	return &cmdline.Manual{
		Version: "belfry " + version,
		Section: 1,
		Description: []string{
			"Belfry takes what the agents of many hosts ship, indexes it, raises alerts, and proves that no line is missing.",
			"belfry serve is the aggregator, which the unit belfry-aggregator.service starts. All other commands are for its " +
				"operators: on its own machine they ask over a unix socket, for which one is root or in the group belfry; from " +
				"elsewhere over HTTPS, with a token.",
			"A query is words and fields, as user.name:averez AND NOT event.outcome:success; one that begins with a minus goes " +
				"behind --. Times are RFC 3339, a date, yesterday, or how long ago, as 90m.",
		},
		Environment: []cmdline.Item{
			{Name: "BELFRY_TOKEN", Text: "A token; it goes before --token-file."},
			{Name: "NO_COLOR", Text: "If set, nothing is coloured."},
		},
		Files: []cmdline.Item{
			{Name: config.Path, Text: "The configuration: belfry-aggregator.yaml(5)."},
			{Name: "/etc/belfry/rules.d/*.yml", Text: "Rules in Sigma, if alert.rules names the folder."},
			{Name: config.Parsers, Text: "Parsers of your own."},
			{Name: "/var/lib/belfry", Text: "The state: index, ledger, alerts, dead letters, tokens."},
			{Name: "/var/lib/belfry/ca", Text: "The certificate authority, if belfry ca init has made one. No backup of belfry has it."},
			{Name: "/run/belfry/api.sock", Text: "Where the aggregator is asked: by root and the group belfry."},
		},
		Exit: []cmdline.Item{
			{Name: "0", Text: "All is well; something was found."},
			{Name: "1", Text: "Nothing was found; or something is missing, silent, dead or otherwise than wanted."},
			{Name: "2", Text: "An error."},
		},
		Examples: []cmdline.Item{
			{Name: "belfry search --last 24h 'user.name:averez AND process.name:sudo'", Text: "What one person did with sudo."},
			{Name: "belfry search --count-by host.name --last 7d event.action:ssh-login-attempt", Text: "Logins of each host, with bars."},
			{Name: "belfry tail process.name:sshd", Text: "What sshd says, as it comes."},
			{Name: "belfry ca token web01", Text: "A token by which the agent of a host enrols."},
			{Name: "belfry audit && belfry hosts && belfry dead", Text: "A line for cron: is anything missing?"},
		},
		SeeAlso: []string{"belfry-aggregator.yaml(5)", "belfry-agent(1)", "systemd.unit(5)", "rabbitmqctl(8)"},
	}
}
