{{/* What the worker may deliver to beside the public internet; `helm test` receives a task itself. */}}
{{- define "queue-system.egressAllow" -}}
{{- $allow := .Values.egress.allow -}}
{{- if .Values.tests.enabled -}}
{{- $allow = append $allow (include "queue-system.testHost" .) -}}
{{- end -}}
{{- join "," $allow -}}
{{- end -}}

{{- define "queue-system.testHost" -}}
{{ include "queue-system.fullname" . }}-test.{{ .Release.Namespace }}.svc
{{- end -}}

{{/* The CIDRs of a list that holds host suffixes too, addresses made CIDRs; as JSON. */}}
{{- define "queue-system.cidrs" -}}
{{- $cidrs := list -}}
{{- range . -}}
{{- if contains "/" . -}}
{{- $cidrs = append $cidrs . -}}
{{- else if contains ":" . -}}
{{- $cidrs = append $cidrs (printf "%s/128" .) -}}
{{- else if regexMatch "^[0-9.]+$" . -}}
{{- $cidrs = append $cidrs (printf "%s/32" .) -}}
{{- end -}}
{{- end -}}
{{- toJson $cidrs -}}
{{- end -}}

{{/* Where workers deliver to: the public internet, and what is allowed beside it; no rule where that is
     nothing, since a rule without peers opens all. */}}
{{- define "queue-system.egressDestinations" -}}
{{- $peers := concat (include "queue-system.publicPeers" . | fromYamlArray) .Values.networkPolicy.extraWorkerTo -}}
{{- range include "queue-system.cidrs" .Values.egress.allow | fromJsonArray -}}
{{- $peers = append $peers (dict "ipBlock" (dict "cidr" .)) -}}
{{- end -}}
{{- with $peers }}
- to:
    {{- toYaml . | nindent 4 }}
{{- end }}
{{- end -}}
