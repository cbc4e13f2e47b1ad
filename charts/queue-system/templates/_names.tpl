{{/* A name of at most the given length; a cut one keeps apart from its like by a hash.
     Arguments: list NAME LENGTH. */}}
{{- define "queue-system.fit" -}}
{{- $name := index . 0 -}}
{{- $length := int (index . 1) -}}
{{- if gt (len $name) $length -}}
{{- printf "%s-%s" (trunc (sub $length 9 | int) $name | trimSuffix "-") (sha256sum $name | trunc 8) -}}
{{- else -}}
{{- $name -}}
{{- end -}}
{{- end -}}

{{- define "queue-system.name" -}}
{{- include "queue-system.fit" (list (default .Chart.Name .Values.nameOverride) 63) -}}
{{- end -}}

{{/* What all names begin with: 47 characters leave room for the longest ending, -worker-metrics. */}}
{{- define "queue-system.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := printf "%s-%s" .Release.Name $name -}}
{{- if contains $name .Release.Name -}}
{{- $full = .Release.Name -}}
{{- end -}}
{{- include "queue-system.fit" (list (default $full .Values.fullnameOverride) 47) -}}
{{- end -}}

{{/* Labels that never change. Arguments: list ROOT COMPONENT. */}}
{{- define "queue-system.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "queue-system.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Arguments: list ROOT COMPONENT. The version is the component's own tag. */}}
{{- define "queue-system.labels" -}}
{{- $root := index . 0 -}}
{{- $values := get $root.Values (index . 1) | default dict -}}
{{ include "queue-system.selectorLabels" . }}
{{- with $values.image }}
app.kubernetes.io/version: {{ .tag | replace "+" "_" | trunc 63 | quote }}
{{- end }}
app.kubernetes.io/part-of: queue-system
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 }}
{{- end -}}
