{{/* The name of the chart that this one is part of: its alias in an umbrella chart. */}}
{{- define "redis.parent" -}}
{{- $path := splitList "/" .Template.BasePath -}}
{{- if gt (len $path) 3 -}}{{- index $path (sub (len $path) 4 | int) -}}{{- end -}}
{{- end -}}

{{/* Two aliases of one chart in one release have a Redis each. */}}
{{- define "redis.name" -}}
{{- $parent := include "redis.parent" . -}}
{{- if has $parent (list "" "queue-system") -}}redis{{- else -}}{{ printf "%s-redis" $parent | trunc 63 }}{{- end -}}
{{- end -}}

{{/* A StatefulSet's name has at most 52 characters: Kubernetes appends a hash to it in a label. */}}
{{- define "redis.fullname" -}}
{{- $name := default (printf "%s-%s" .Release.Name (include "redis.name" .)) .Values.fullnameOverride -}}
{{- if gt (len $name) 52 -}}
{{- $name = printf "%s-%s" (trunc 43 $name | trimSuffix "-") (sha256sum $name | trunc 8) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{- define "redis.selectorLabels" -}}
app.kubernetes.io/name: {{ include "redis.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: redis
{{- end -}}

{{- define "redis.labels" -}}
{{ include "redis.selectorLabels" . }}
app.kubernetes.io/version: {{ .Values.image.tag | quote }}
app.kubernetes.io/part-of: queue-system
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{/* A quantity of memory in bytes: 512Mi, 1.5Gi, 2G, 268435456. */}}
{{- define "redis.bytes" -}}
{{- $text := toString . -}}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $unit := regexFind "[A-Za-z]*$" $text -}}
{{- mulf (regexFind "^[0-9.]+" $text | float64) (get $units $unit) | int64 -}}
{{- end -}}

{{- define "redis.image" -}}
{{- $repository := .Values.image.repository -}}
{{- with (.Values.global).imageRegistry -}}
{{- $repository = printf "%s/%s" . (regexReplaceAll "^([^/]*[.:][^/]*|localhost)/" $repository "") -}}
{{- end -}}
{{ $repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag }}{{ end }}
{{- end -}}

{{- define "redis.serviceAccountName" -}}
{{- default (ternary (include "redis.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}
