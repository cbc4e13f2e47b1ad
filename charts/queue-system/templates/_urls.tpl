{{/* The first address by which tasks can be sent from outside; empty if there is none with a name. */}}
{{- define "queue-system.taskUrl" -}}
{{- $urls := list -}}
{{- if .Values.ingress.enabled -}}
{{- range $host := include "queue-system.ingressHosts" . | fromJsonArray -}}
{{- range .paths -}}
{{- if hasPrefix . "/api/v1/tasks" -}}{{- $urls = append $urls (include "queue-system.url" (list $ $host)) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- else if .Values.httpRoute.enabled -}}
{{- range $path := .Values.httpRoute.paths -}}
{{- range $.Values.httpRoute.hostnames -}}
{{- if hasPrefix $path "/api/v1/tasks" -}}{{- $urls = append $urls (include "queue-system.url" (list $ (dict "host" .))) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with compact $urls -}}{{- first . -}}{{- end -}}
{{- end -}}

{{/* The addresses of the dashboard from outside, as JSON. */}}
{{- define "queue-system.dashboardUrls" -}}
{{- $hosts := list -}}
{{- if .Values.ingress.enabled -}}
{{- $hosts = include "queue-system.dashboardHosts" . | fromJsonArray -}}
{{- else if .Values.httpRoute.enabled -}}
{{- range ternary (list .Values.dashboard.host) .Values.httpRoute.hostnames (ne .Values.dashboard.host "") -}}
{{- $hosts = append $hosts (dict "host" .) -}}
{{- end -}}
{{- end -}}
{{- $urls := list -}}
{{- range $hosts -}}
{{- with include "queue-system.url" (list $ .) -}}{{- $urls = append $urls (printf "%s%s" . $.Values.dashboard.path) -}}{{- end -}}
{{- end -}}
{{- toJson $urls -}}
{{- end -}}

{{/* The address of a host; empty if it is none or stands for many. An Ingress has its certificate, a
     Gateway's listener is not known here. Arguments: list ROOT HOST, of a map with host and tlsSecret. */}}
{{- define "queue-system.url" -}}
{{- $values := (index . 0).Values -}}
{{- with index . 1 -}}
{{- $scheme := ternary (ternary "http" "https" (empty .tlsSecret)) $values.httpRoute.scheme $values.ingress.enabled -}}
{{- if and .host (not (hasPrefix "*" .host)) -}}{{ $scheme }}://{{ .host }}{{- end -}}
{{- end -}}
{{- end -}}
