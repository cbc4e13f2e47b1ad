{{/* How the workers scale: what `auto` means in this cluster, or the mode that is set. */}}
{{- define "queue-system.workerScaling" -}}
{{- $mode := .Values.worker.autoscaling.mode -}}
{{- if eq $mode "auto" -}}
{{- ternary "keda" "hpa" (.Capabilities.APIVersions.Has "keda.sh/v1alpha1/ScaledObject") -}}
{{- else -}}
{{- $mode -}}
{{- end -}}
{{- end -}}

{{/* A HorizontalPodAutoscaler on CPU. Arguments: list ROOT COMPONENT MIN MAX TARGET STABILIZATION. */}}
{{- define "queue-system.hpa" -}}
{{- $name := printf "%s-%s" (include "queue-system.fullname" (index . 0)) (index . 1) -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ $name }}
  labels:
    {{- include "queue-system.labels" (list (index . 0) (index . 1)) | nindent 4 }}
  {{- if eq (index . 1) "worker" }}
  annotations:
    # An upgrade to KEDA creates its ScaledObject before this is deleted: KEDA's webhook then lets it pass.
    validations.keda.sh/hpa-ownership: "false"
  {{- end }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ $name }}
  minReplicas: {{ index . 2 | int }}
  maxReplicas: {{ index . 3 | int }}
  metrics:
    # Of the component's own container: a sidecar's use says nothing about it.
    - type: ContainerResource
      containerResource:
        container: {{ index . 1 }}
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ index . 4 | int }}
  behavior:
    scaleDown:
      stabilizationWindowSeconds: {{ index . 5 | int }}
{{- end -}}
