{{/* An image's reference. The digest takes precedence over the tag; global.imageRegistry replaces the
     registry, which is the first part of a repository if it has a dot or a port.
     Arguments: list ROOT IMAGE, of a map with repository, tag and digest. */}}
{{- define "queue-system.image" -}}
{{- $image := index . 1 -}}
{{- $repository := $image.repository -}}
{{- with ((index . 0).Values.global).imageRegistry -}}
{{- $repository = printf "%s/%s" . (regexReplaceAll "^([^/]*[.:][^/]*|localhost)/" $repository "") -}}
{{- end -}}
{{ $repository }}{{ if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag }}{{ end }}
{{- end -}}

{{/* Those of all charts, and this one's own. */}}
{{- define "queue-system.imagePullSecrets" -}}
{{- with concat ((.Values.global).imagePullSecrets | default list) .Values.imagePullSecrets | uniq }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
